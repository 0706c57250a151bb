package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azblobblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob/azureblob"

	"cdds/export"
)

// azureBlocks is the most blocks of an upload to Azure.
const azureBlocks = 50_000

// openAzure opens a container of Azure Blob Storage.
func openAzure(ctx context.Context, u *url.URL, q url.Values) (*storage, error) {
	// From the archive tier a file must be restored first.
	if err := oneOf(q, "storage_class", "Hot", "Cool", "Cold"); err != nil {
		return nil, err
	}
	if err := oneOf(q, "protocol", "http", "https"); err != nil {
		return nil, err
	}
	client, err := azureClient(u.Host, q)
	if err != nil {
		return nil, err
	}
	bucket, err := azureblob.OpenBucket(ctx, client, nil)
	if err != nil {
		return nil, fmt.Errorf("open the artifact storage: %w", err)
	}
	return &storage{bucket: bucket, largest: azureBlocks * export.PieceSize, beforeWrite: func(as func(any) bool) error {
		var options *azblob.UploadStreamOptions
		if !as(&options) {
			return fmt.Errorf("the library of the artifact storage has changed: it takes no options for Azure")
		}
		if class := q.Get("storage_class"); class != "" {
			tier := azblobblob.AccessTier(class)
			options.AccessTier = &tier
		}
		if scope := q.Get("encryption_scope"); scope != "" {
			options.CPKScopeInfo = &azblobblob.CPKScopeInfo{EncryptionScope: &scope}
		}
		return nil
	}}, nil
}

// azureClient finds the account and the credentials where Azure's tools do: an
// account's key, a shared access signature, a connection string, or else the
// identity of the machine or of the person.
func azureClient(name string, q url.Values) (*container.Client, error) {
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: storageTransport()},
		Retry:     policy.RetryOptions{MaxRetries: storageTries - 1},
	}}
	if text := os.Getenv("AZURE_STORAGE_CONNECTION_STRING"); text != "" {
		client, err := container.NewClientFromConnectionString(text, name, options)
		if err != nil {
			return nil, badStorage("AZURE_STORAGE_CONNECTION_STRING cannot be read.", "Copy it anew from the storage account's access keys.")
		}
		return client, nil
	}
	service := azureblob.NewDefaultServiceURLOptions()
	for parameter, into := range map[string]*string{"storage_account": &service.AccountName, "domain": &service.StorageDomain, "protocol": &service.Protocol} {
		if value := q.Get(parameter); value != "" {
			*into = value
		}
	}
	address, err := azureblob.NewServiceURL(service)
	if err != nil {
		return nil, badStorage("The Azure storage account is not known.", "Set AZURE_STORAGE_ACCOUNT, or add storage_account=NAME to the URL of the artifact storage.")
	}
	place, err := url.JoinPath(string(address), name)
	if err != nil {
		return nil, badStorage("The address of the Azure storage account cannot be read.", "Look at storage_account, domain and protocol in the URL of the artifact storage.")
	}
	if key := os.Getenv("AZURE_STORAGE_KEY"); key != "" {
		credential, err := azblob.NewSharedKeyCredential(service.AccountName, key)
		if err != nil {
			return nil, badStorage("AZURE_STORAGE_KEY cannot be read.", "Copy it anew from the storage account's access keys.")
		}
		return container.NewClientWithSharedKeyCredential(place, credential, options)
	}
	if service.SASToken != "" {
		return container.NewClientWithNoCredential(place, options)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, fmt.Errorf("look for an identity for Azure: %w", err)
	}
	return container.NewClient(place, credential, options)
}
